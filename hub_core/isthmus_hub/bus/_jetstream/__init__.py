"""What `isthmus_hub.bus.jetstream` is made of."""
