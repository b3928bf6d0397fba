"""Both sides of the benchmark ``connectors``, and the records that they are given."""
