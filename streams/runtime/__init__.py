"""The worker process around the state: Faust, who owns which partition, folding, flushing, and what it says."""
