"""What people look at: dashboards, recording rules and alerts, all generated from the catalogue."""
