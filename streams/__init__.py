"""What is computed: the pure fold from events to aggregates and the Faust worker that runs it."""
