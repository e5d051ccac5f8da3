package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// foreign are the lines that other programs print and that tests wait for.
var foreign = map[string]string{
	"Forwarding from 127.0.0.1:": "kubectl",
	"SASL_AUTHENTICATION_FAILED": "franz-go",
}

// A test or a tool that waits for a log line waits for ever when the line is reworded. Some of them run
// only where Kafka or a cluster does, so that the renaming of a line would show much later.
func TestLog_WhatIsWaitedForIsLogged(t *testing.T) {
	var logged strings.Builder
	waited := map[string]token.Position{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if !strings.HasSuffix(path, "_test.go") && !strings.HasPrefix(path, filepath.Join(root, "test")) {
			logged.Write(text)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			for _, literal := range awaited(node) {
				if line, err := strconv.Unquote(literal.Value); err == nil {
					waited[line] = files.Position(literal.Pos())
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(waited) < 5 {
		t.Fatalf("%d lines are waited for: the search for them is broken", len(waited))
	}
	for line, place := range waited {
		message := strings.Trim(strings.TrimPrefix(strings.TrimPrefix(line, `"msg":`), "msg="), `"`)
		if foreign[line] == "" && !strings.Contains(logged.String(), message) {
			t.Errorf("%s waits for %q, which nothing logs", place, line)
		}
	}
}

// awaited finds the literals of WaitFor(…, "line") and of entry.Msg == "line".
func awaited(node ast.Node) (found []*ast.BasicLit) {
	var among []ast.Expr
	switch node := node.(type) {
	case *ast.CallExpr:
		if callee, ok := node.Fun.(*ast.SelectorExpr); ok && callee.Sel.Name == "WaitFor" {
			among = node.Args
		}
	case *ast.BinaryExpr:
		if field, ok := node.X.(*ast.SelectorExpr); ok && field.Sel.Name == "Msg" {
			among = []ast.Expr{node.Y}
		}
	}
	for _, expression := range among {
		if literal, ok := expression.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			found = append(found, literal)
		}
	}
	return found
}
