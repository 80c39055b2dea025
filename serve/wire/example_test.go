package wire_test

import (
	"fmt"
	"net/http/httptest"
	"strings"

	"trit/serve/wire"
)

// What a client asks for is done or refused: a field that the server does not know is an error
// that names it.
func ExampleDecode() {
	var body struct {
		Name string `json:"name"`
	}
	r := httptest.NewRequest("POST", "/", strings.NewReader(`{"name": "a", "colour": "red"}`))
	err := wire.Decode(r, &body)
	e, _ := wire.ErrorOf(err)
	fmt.Println(e.Status(), e.Code, e)
	// Output: 400 not_supported colour: is not supported
}
