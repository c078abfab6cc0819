"""What several test modules share; nothing here calls the code it is used to judge."""
