"""KPIs worked out from what is held: now, over runs of days, and where plans will end."""
