a word of eight letters
