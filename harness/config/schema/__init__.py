"""What a config file may hold: the models, the JSON Schema and the rules across keys."""
