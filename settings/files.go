package settings

// FileUser is a configuration struct with fields that hold names of files.
type FileUser interface {
	// Files returns pointers to these fields. The configuration makes each name that is
	// not empty absolute before it calls Validate.
	Files() []*string
}
