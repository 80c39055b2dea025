package repro

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/setting"
)

// Files of the names of results that are not of an earlier call are the user's: nothing is run, and they stay.
func TestResultsReplaceNothingElse(t *testing.T) {
	calls := map[string]func(out string) error{
		"Scaling": func(out string) error {
			_, err := Scaling(context.Background(), ScalingOptions{Out: out, Configs: []string{"nothing"}})
			return err
		},
		"Recipes": func(out string) error {
			_, err := Recipes(context.Background(), RecipesOptions{Out: out, Set: smallRecipes(t, t.TempDir())})
			return err
		},
		"Table": func(out string) error {
			_, err := MeasureTable(context.Background(), TableOptions{Out: out, Table: testTable(), Models: []string{"mine"}})
			return err
		},
	}
	for call, names := range map[string][]string{
		"Scaling": {"scaling.json", "scaling.md", "scaling.html"}, "Recipes": {"recipes.json", "recipes.md", "recipes.svg"},
		"Table": {"small.json", "small.md"},
	} {
		for _, name := range names {
			path := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(path, []byte(`{"mine": 1}`), 0o644); err != nil {
				t.Fatal(err)
			}
			err := calls[call](filepath.Dir(path))
			if s := setting.As(err); s == nil || s.Field != "repro."+call+"Options.Out" || !strings.HasPrefix(err.Error(), path+" exists") {
				t.Errorf("%s: %v", name, err)
			}
			if b, err := os.ReadFile(path); err != nil || string(b) != `{"mine": 1}` {
				t.Errorf("%s: %q, %v", name, b, err)
			}
		}
	}
}
