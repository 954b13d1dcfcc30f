//go:build ignore

// Writes the manual pages into man1/ below the directory that is its argument.
// scripts/gen-docs runs it.
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/fcgiscope/fcgiscope/commands"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: gen DIR")
	}
	dir := filepath.Join(os.Args[1], "man1")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		log.Fatal(err)
	}
	for _, page := range commands.ManPages() {
		if err := os.WriteFile(filepath.Join(dir, page.Name), page.Text, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}
