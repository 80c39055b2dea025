package repro

import (
	"os"
	"path/filepath"

	"trit/internal/jsonfile"
	"trit/setting"
)

// checkOwn refuses a folder with files of the names that results get, unless NAME.json holds results of an earlier
// call, which earlier takes. field is the option that names the folder.
func checkOwn(field, dir, name string, earlier any, extensions ...string) error {
	path := filepath.Join(dir, name)
	if b, err := os.ReadFile(path + ".json"); err == nil && jsonfile.DecodeStrict(b, earlier) == nil {
		return nil
	}
	for _, extension := range append(extensions, ".json") {
		if _, err := os.Lstat(path + extension); err == nil {
			return setting.Needs(field, path+extension+" exists, and is not of an earlier call",
				"name another folder with {"+field+"}")
		}
	}
	return nil
}
