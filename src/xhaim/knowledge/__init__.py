"""What medicine says of a question: task cards that ship, any folder of texts; cited as [K n], never as evidence."""
