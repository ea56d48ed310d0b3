"""merge: shards of a step become one folder."""
