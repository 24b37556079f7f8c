"""Everything outside text can do to a parser: documents by the hundred thousand, and the largest that can be made."""
