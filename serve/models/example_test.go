package models_test

import (
	"context"
	"fmt"
	"io"
	"strings"

	"trit/serve/answer"
	"trit/serve/models"
)

// A model is loaded when somebody asks for it.
func Example() {
	load := func(_ context.Context, info answer.Info) (*answer.Model, io.Closer, error) {
		return &answer.Model{Info: info}, io.NopCloser(strings.NewReader("")), nil
	}
	m, err := models.New([]answer.Info{{ID: "small"}, {ID: "large"}}, models.Options{Load: load})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	fmt.Println(m.Loaded())
	_, release, err := m.Open(context.Background(), "large")
	if err != nil {
		fmt.Println(err)
		return
	}
	release()
	fmt.Println(m.Loaded())
	// Output:
	// []
	// [large]
}
