"""A believable sales floor, made of nothing but a seed, so that every number has something to show."""
