"""What runs only inside containers, and what builds them."""
