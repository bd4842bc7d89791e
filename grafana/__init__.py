"""What people look at: dashboards and recording rules, made from the catalogue, and alerts, written by hand."""
