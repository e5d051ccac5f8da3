package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// secretNames are all variables tagged secret: the mechanism is for all of them.
func secretNames() []string {
	var names []string
	for _, s := range All() {
		if s.Secret {
			names = append(names, s.Name)
		}
	}
	return names
}

func TestSecretFile_EverySecretVariableHasOneInTableAndHelp(t *testing.T) {
	table := Markdown()
	for _, name := range secretNames() {
		if !strings.Contains(table, name+"_FILE") {
			t.Errorf("%s_FILE is not in the table", name)
		}
	}
	for _, s := range All() {
		// Otherwise a file of all tenants could stand in for a tenant's own.
		if s.Secret && s.Tenant == Override {
			t.Errorf("%s is a secret that tenants would take from each other", s.Name)
		}
		if strings.HasPrefix(s.Name, "AZURE_") && s.Tenant != Own {
			t.Errorf("%s is not each tenant's own", s.Name)
		}
	}
}

func TestSecretFile_IsReadForEachUseAndItsEndOfLineIsNoPartOfIt(t *testing.T) {
	s := valid()
	file := written(t, "first\r\n")
	s.AzureClientSecret, s.SecretFiles = "", map[string]string{"AZURE_CLIENT_SECRET": file}
	c, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	secret := c.Tenants[0].Identity.Secret
	if got := secret.Reveal(); got != "first" {
		t.Errorf("got %d characters", len(got))
	}
	next := filepath.Join(t.TempDir(), "next")
	if err := os.WriteFile(next, []byte("second "), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, file); err != nil {
		t.Fatal(err)
	}
	if got := secret.Reveal(); got != "second " {
		t.Errorf("got %q after the rotation", got)
	}
	if text := fmt.Sprintf("%v %+v %#v", secret, c, c); strings.Contains(text, "second") {
		t.Error("it was printed")
	}
}

func TestSecretFile_ThatGoesAwayKeepsItsLastValueAndIsToldOnce(t *testing.T) {
	s := valid()
	file := written(t, "value\n")
	s.KafkaSASLMechanism, s.KafkaSASLUsername, s.SecretFiles = "PLAIN", "u", map[string]string{"KAFKA_SASL_PASSWORD": file}
	c, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	c.OnUnreadableFile(func(variable, file string, err error) { told = append(told, fmt.Sprint(variable, " ", file, " ", err)) })
	for _, broken := range []func() error{
		func() error { return os.Remove(file) },
		func() error { return os.WriteFile(file, []byte("\n"), 0o600) }, // being written
	} {
		if err := broken(); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if c.SASL.Password.Reveal() != "value" {
				t.Fatal("its last value is gone")
			}
		}
	}
	if len(told) != 1 || !strings.Contains(told[0], "KAFKA_SASL_PASSWORD_FILE "+file) || strings.Contains(told[0], "value") {
		t.Errorf("told %q", told)
	}
	if err := os.WriteFile(file, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c.SASL.Password.Reveal() != "new" {
		t.Error("its new value is not used")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if c.SASL.Password.Reveal(); len(told) != 2 {
		t.Errorf("told %d times, want again after it was readable in between", len(told))
	}
}

func TestSecretFile_IsRefusedByName(t *testing.T) {
	for name, test := range map[string]struct{ value, file, says string }{
		"with the variable itself": {"x", written(t, "y"), "set one of them"},
		"one that is not there":    {"", "no-such-file", "no such file"},
		"an empty one":             {"", written(t, "\n"), "is empty"},
		"a folder":                 {"", t.TempDir(), "cannot be used"},
	} {
		t.Run(name, func(t *testing.T) {
			s := valid()
			s.AzureClientSecret, s.SecretFiles = test.value, map[string]string{"AZURE_CLIENT_SECRET": test.file}
			refusedFor(t, s, "AZURE_CLIENT_SECRET_FILE", test.says)
		})
	}
}

func TestLoad_ReadsSecretFilesFromTheEnvironment(t *testing.T) {
	for name, value := range valid().Variables() {
		t.Setenv(name, value)
	}
	t.Setenv("AZURE_CLIENT_SECRET", "")
	t.Setenv("AZURE_CLIENT_SECRET_FILE", written(t, "from the file\n"))
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if c.Tenants[0].Identity.Secret.Reveal() != "from the file" {
		t.Error("the file's secret is not used")
	}
}
