"""Following Redis: what changed is fetched, what was lost is noticed, and how far the numbers can be trusted."""
