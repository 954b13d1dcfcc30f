package pretty

// A Part names what of a conversation the format raw writes.
type Part string
