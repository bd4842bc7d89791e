"""Plans, managers and rates from one YAML file, checked as a whole and sent only where they change something."""
