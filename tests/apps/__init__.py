"""What an app does with a checkpointer: chats, processes that fork or are killed, SQL of its own."""
