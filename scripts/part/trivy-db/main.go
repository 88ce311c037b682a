// Turns files of advisories into a database that Trivy reads.
package main

import (
	"log"
	"os"

	fixtures "github.com/aquasecurity/bolt-fixtures"
)

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: trivy-db DATABASE ADVISORIES.yaml ...")
	}
	if err := write(os.Args[1], os.Args[2:]); err != nil {
		log.Fatalf("could not write %s: %v", os.Args[1], err)
	}
}

func write(database string, advisories []string) error {
	loader, err := fixtures.New(database, advisories)
	if err != nil {
		return err
	}
	if err := loader.Load(); err != nil {
		return err
	}
	return loader.Close()
}
