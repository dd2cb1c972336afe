a word of hex digits
