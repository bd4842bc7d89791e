# What pint, a linter of Prometheus rules, demands besides what it checks by itself. ENV_… come from the test.
prometheus "floor" {
  uri     = "${ENV_PROMETHEUS}"
  timeout = "30s"
}

rule {
  match {
    kind = "alerting"
  }
  annotation "summary|description|dashboard" {
    required = true
    severity = "bug"
  }
  annotation "runbook_url" {
    required = true
    severity = "bug"
    value    = "https?://.+/d/sales-runbook\\?viewPanel=\\d+"
  }
  label "severity" {
    required = true
    severity = "bug"
    value    = "warning|critical|none"
  }
  label "scope" {
    required = true
    severity = "bug"
    value    = "sales|service|always"
  }
}

rule {
  match {
    kind = "recording"
  }
  name "(manager|team|company):sales_[a-z_]+:[a-z0-9_]+" {
    severity = "bug"
  }
  # A number of a level must not depend on who is below it, nor on which process exposed it.
  aggregate "company:.+" {
    strip    = ["job", "instance", "manager", "team"]
    severity = "bug"
  }
  aggregate "team:.+" {
    strip    = ["job", "instance", "manager"]
    severity = "bug"
  }
}
