"""What is encoded, decoded and stored in the tests: values, classes, messages, checkpoints, graphs, broken bytes."""
