package keys

// Path returns the path of the file, as configured.
func (f *File) Path() string { return f.path }
