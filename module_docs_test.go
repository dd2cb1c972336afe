package usher

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// Caddy's site shows the comments of a module and of its JSON fields as the documentation of the module.
func TestModulesDocumentTheirJSON(t *testing.T) {
	t.Parallel()
	d := documented{t: t, packages: map[string]map[string]string{}, seen: map[reflect.Type]bool{}}
	modules := 0
	for _, name := range caddy.Modules() {
		info, err := caddy.GetModule(name)
		if err != nil {
			t.Fatal(err)
		}
		kind := reflect.TypeOf(info.New())
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		if strings.HasPrefix(kind.PkgPath(), module+"handler/") {
			modules++
			d.check(kind)
		}
	}
	if modules < 5 || d.fields < 50 {
		t.Errorf("found %d modules with %d fields, want more", modules, d.fields)
	}
}

// documented checks that types and their fields have a comment.
type documented struct {
	t        *testing.T
	packages map[string]map[string]string // comments by package, then by Type or Type.Field
	seen     map[reflect.Type]bool
	fields   int
}

func (d *documented) check(kind reflect.Type) {
	d.t.Helper()
	switch kind.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		d.check(kind.Elem())
		return
	case reflect.Struct:
	default:
		return
	}
	if !strings.HasPrefix(kind.PkgPath(), module+"handler/") || d.seen[kind] {
		return
	}
	d.seen[kind] = true
	if d.comment(kind, kind.Name()) == "" {
		d.t.Errorf("%s has no comment", kind)
	}
	for field := range kind.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.IsExported() || name == "-" {
			continue
		}
		d.fields++
		if name == "" {
			d.t.Errorf("%s.%s has no name in JSON", kind, field.Name)
		}
		if d.comment(kind, kind.Name()+"."+field.Name) == "" {
			d.t.Errorf("%s.%s (%s in JSON) has no comment", kind, field.Name, name)
		}
		d.check(field.Type)
	}
}

// comment returns the comment of a type or a field in the package of a type.
func (d *documented) comment(kind reflect.Type, name string) string {
	d.t.Helper()
	comments := d.packages[kind.PkgPath()]
	if comments == nil {
		comments = commentsOf(d.t, strings.TrimPrefix(kind.PkgPath(), module))
		d.packages[kind.PkgPath()] = comments
	}
	return strings.TrimSpace(comments[name])
}

// commentsOf returns the comments of the struct types of a package, by Type, and of their fields, by Type.Field.
func commentsOf(t *testing.T, directory string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(directory + "/*.go")
	if err != nil || len(names) == 0 {
		t.Fatalf("no Go files in %s: %v", directory, err)
	}
	comments := map[string]string{}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			group, ok := declaration.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range group.Specs {
				named, ok := spec.(*ast.TypeSpec)
				if !ok {
					continue
				}
				comments[named.Name.Name] = group.Doc.Text() + named.Doc.Text()
				structure, ok := named.Type.(*ast.StructType)
				if !ok {
					continue
				}
				for _, field := range structure.Fields.List {
					for _, name := range field.Names {
						comments[named.Name.Name+"."+name.Name] = field.Doc.Text()
					}
				}
			}
		}
	}
	return comments
}
