//go:build ignore

// Writes the manual pages and the completion scripts below the directory that is its argument: man1/ and completions/.
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
	for sub, documents := range map[string][]commands.Document{"man1": commands.ManPages(), "completions": commands.CompletionScripts()} {
		dir := filepath.Join(os.Args[1], sub)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			log.Fatal(err)
		}
		for _, d := range documents {
			if err := os.WriteFile(filepath.Join(dir, d.Name), d.Text, 0o644); err != nil {
				log.Fatal(err)
			}
		}
	}
}
