"""Speaking to the portal: its REST, its limits, and how often it is asked again."""
