package wire

// DecodePart reads a part of a body as Decode reads the whole. Its errors name the field.
func DecodePart(field string, part []byte, v any, ignored ...string) error {
	if err := decode(part, v, ignored); err != nil {
		e, _ := ErrorOf(err)
		return e.Within(field)
	}
	return nil
}

// Within is the error of a part of a field.
func (e *Error) Within(field string) *Error {
	outer := *e
	outer.Field = field
	if e.Field != "" {
		outer.Field += "." + e.Field
	}
	return &outer
}
