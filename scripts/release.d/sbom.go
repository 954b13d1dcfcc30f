//go:build ignore

// sbom PROGRAM VERSION BOM LICENSES writes two files about a Go program, in the directory of its module: BOM is its bill
// of materials, as CycloneDX 1.5 in JSON, and LICENSES the texts of the licenses of what is in it. What is in it are the
// modules that are linked into it, by what the program itself says, and the Go release. Both are the same for the same
// program: there is no time and no random number in them.
package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

type hash struct {
	Alg     string `json:"alg"`
	Content string `json:"content"`
}

type license struct {
	ID string `json:"id"`
}

type licenseChoice struct {
	License license `json:"license"`
}

type component struct {
	Type     string          `json:"type"`
	Ref      string          `json:"bom-ref"`
	Name     string          `json:"name"`
	Version  string          `json:"version"`
	Hashes   []hash          `json:"hashes,omitempty"`
	Licenses []licenseChoice `json:"licenses"`
	PURL     string          `json:"purl"`

	text []byte // of the license
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

type bom struct {
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Component component `json:"component"`
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 5 {
		log.Fatal("usage: sbom PROGRAM VERSION BOM LICENSES")
	}
	content, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	info, err := buildinfo.Read(bytes.NewReader(content))
	if err != nil {
		log.Fatal(err)
	}
	program := module("application", info.Main.Path, os.Args[2], ".")
	program.Hashes = sha256Of(sha256.Sum256(content))
	components := []component{module("library", "stdlib", strings.TrimPrefix(info.GoVersion, "go"), goTool("env", "GOROOT"))}
	for _, dep := range info.Deps {
		if dep.Replace != nil {
			dep = dep.Replace
		}
		c := module("library", dep.Path, dep.Version, goTool("list", "-m", "-f", "{{.Dir}}", dep.Path))
		// That of go.sum, over the files of the module.
		if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(dep.Sum, "h1:")); err == nil && len(sum) == sha256.Size {
			c.Hashes = sha256Of([sha256.Size]byte(sum))
		}
		components = append(components, c)
	}
	writeBOM(os.Args[3], program, components)
	writeLicenses(os.Args[4], components)
}

func sha256Of(sum [sha256.Size]byte) []hash { return []hash{{"SHA-256", hex.EncodeToString(sum[:])}} }

// module is a component whose files, the license among them, are in dir.
func module(kind, path, version, dir string) component {
	files, err := filepath.Glob(filepath.Join(dir, "LICENSE*"))
	if err != nil || len(files) != 1 {
		log.Fatalf("%s: want one file with its license in %s, there are %d", path, dir, len(files))
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		log.Fatal(err)
	}
	purl := "pkg:golang/" + path + "@" + version
	id := licenseID(string(text))
	if id == "" {
		log.Fatalf("%s is under none of the licenses that are known here: see %s", path, files[0])
	}
	return component{Type: kind, Ref: purl, Name: path, Version: version, Licenses: []licenseChoice{{license{id}}}, PURL: purl, text: text}
}

// licenseID returns the name of a license in SPDX's list, "" if it is not known.
// Those that are can be kept by passing their texts on.
func licenseID(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	switch {
	case strings.Contains(text, "Permission is hereby granted, free of charge, to any person obtaining a copy"):
		return "MIT"
	case !strings.Contains(text, "Redistribution and use in source and binary forms, with or without modification, are permitted"):
		return ""
	case strings.Contains(text, "Neither the name of"):
		return "BSD-3-Clause"
	default:
		return "BSD-2-Clause"
	}
}

// goTool returns the line that the go command prints.
func goTool(args ...string) string {
	cmd := exec.Command("go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		log.Fatalf("go %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

func writeBOM(file string, program component, components []component) {
	root := dependency{Ref: program.Ref}
	for _, c := range components {
		root.DependsOn = append(root.DependsOn, c.Ref)
	}
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	if err := out.Encode(bom{"CycloneDX", "1.5", 1, metadata{program}, components, []dependency{root}}); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
}

// writeLicenses writes what the licenses ask for: their texts, with the copyright notices in them.
func writeLicenses(file string, components []component) {
	var b bytes.Buffer
	b.WriteString("fcgiscope has these modules in it, under licenses of their own:\n")
	for _, c := range components {
		fmt.Fprintf(&b, "\n%s %s (%s)\n\n", c.Name, c.Version, c.Licenses[0].License.ID)
		for line := range strings.Lines(strings.TrimSpace(string(c.text)) + "\n") {
			b.WriteString(strings.TrimRight("    "+strings.TrimSuffix(line, "\n"), " \r") + "\n")
		}
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
}
