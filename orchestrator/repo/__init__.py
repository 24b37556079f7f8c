"""The git door: the only room that runs git. Commands are fixed verbs with generated names; every write is durable."""
