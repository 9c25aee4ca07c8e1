"""What it means: configuration, the vocabulary, rules, the node's two processes, the command line."""
