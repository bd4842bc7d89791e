"""What is computed: the pure fold from events to aggregates and the Faust worker that runs it."""

import producers.compiled  # noqa: F401 - the first thing: it decides in which form modules come
