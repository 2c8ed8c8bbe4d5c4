"""The life of a task in three verbs: dispatch, perform, redrive."""
