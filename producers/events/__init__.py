"""The event contract: what every producer may send and every consumer may rely on."""
