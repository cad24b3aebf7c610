package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/sign"
)

// signatureName is where a signature lies if nobody says otherwise: in the folder that it is for.
const signatureName = "model.sig"

func signCommand(term *terminal) *cobra.Command {
	var key, certificate, signature, newKey string
	var chain, ignore []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "sign FOLDER --key FILE [--signature FILE]",
		Short: "Sign a model, so that others can tell that it is yours and that nothing was changed",
		Long: `Sign all files of a folder with a private key (PEM; an elliptic curve's, P-256 by default), as OpenSSF Model Signing
v1.0 defines it: a Sigstore bundle, which ` + "`xiaoyu verify`" + ` checks, and other programs of that format. The signature is
written to ` + signatureName + ` in the folder if --signature names no other file. --new-key FILE makes a key, and its public half,
which you give to others, as FILE.pub. With --certificate, and --chain for those that lead to an authority, the signature
carries certificates in the place of the key's fingerprint.`,
		Example: `  xiaoyu sign --new-key ~/keys/reviews.pem
  xiaoyu sign models/reviews --key ~/keys/reviews.pem
  xiaoyu verify models/reviews --key ~/keys/reviews.pem.pub`,
		Args: func(cmd *cobra.Command, args []string) error {
			if newKey != "" {
				return exactly(0, "no folder beside --new-key")(cmd, args)
			}
			return exactly(1, "the folder of a model")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if newKey != "" {
				return makeKey(term, newKey, asJSON)
			}
			if key == "" {
				return usageError{hint.Errorf("pass --key FILE; `xiaoyu sign --new-key FILE` makes one", "xiaoyu sign: no private key is named")}
			}
			signer, err := readSigner(key, certificate, chain)
			if err != nil {
				return err
			}
			m, file, err := signedFolder(cmd.Context(), term, args[0], signature, ignore)
			if err != nil {
				return err
			}
			bundle, err := sign.Sign(m, signer)
			if err != nil {
				return err
			}
			text, err := bundle.JSON()
			if err != nil {
				return err
			}
			if err := atomicfile.WriteFile(file, text, 0o644); err != nil {
				return hint.Wrap(err, "name another file with --signature", "writing the signature")
			}
			if asJSON {
				return term.printJSON(map[string]any{"signature": file, "files": len(m.Files), "sha256": m.Root().String(), "key": signer.Public().Fingerprint()})
			}
			fmt.Fprintf(term.out, "%d files signed with the key %.16s…  %s\n", len(m.Files), signer.Public().Fingerprint(), file)
			return nil
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "private key: a PEM file")
	cmd.Flags().StringVar(&certificate, "certificate", "", "certificate of the key: a PEM file")
	cmd.Flags().StringSliceVar(&chain, "chain", nil, "certificates that lead from it to an authority: PEM files")
	cmd.Flags().StringVar(&signature, "signature", "", "file to write; "+signatureName+" in the folder if not given")
	cmd.Flags().StringSliceVar(&ignore, "ignore", nil, "files or folders of the folder that are left out")
	cmd.Flags().StringVar(&newKey, "new-key", "", "make a key and write it to this file, and its public half to the same name with .pub")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

// makeKey writes a new key, and never over another file: keys that are gone are gone.
func makeKey(term *terminal, file string, asJSON bool) error {
	for _, name := range []string{file, file + ".pub"} {
		if exists(name) {
			return hint.Errorf("choose another name", "making a key: %s is there already", name)
		}
	}
	private, public, err := sign.NewKey()
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(file, private, 0o600); err != nil {
		return hint.Wrap(err, "choose another folder", "making a key")
	}
	if err := atomicfile.WriteFile(file+".pub", public, 0o644); err != nil {
		return hint.Wrap(err, "choose another folder", "making a key")
	}
	k, err := sign.ReadPublicKey(public)
	if err != nil {
		return err
	}
	if asJSON {
		return term.printJSON(map[string]any{"key": file, "public": file + ".pub", "fingerprint": k.Fingerprint()})
	}
	fmt.Fprintf(term.out, "%s  keep it to yourself\n%s.pub  for those who are to check signatures; fingerprint %s\n", file, file, k.Fingerprint())
	return nil
}

func readSigner(key, certificate string, chain []string) (*sign.Signer, error) {
	text, err := os.ReadFile(key)
	if err != nil {
		return nil, hint.Wrap(err, "pass the private key's file with --key", "reading the key")
	}
	signer, err := sign.ReadSigner(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	if certificate == "" {
		if len(chain) > 0 {
			return nil, usageError{hint.Errorf("pass --certificate FILE", "--chain needs the key's own certificate as well")}
		}
		return signer, nil
	}
	texts, err := readAll(append([]string{certificate}, chain...))
	if err != nil {
		return nil, err
	}
	return signer.WithCertificates(texts[0], texts[1:]...)
}

func readAll(names []string) (texts [][]byte, err error) {
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, hint.Wrap(err, "check the name", "reading a key or certificate")
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// signedFolder reads a folder to sign or to verify it, without its signature, and finds out where that is.
func signedFolder(ctx context.Context, term *terminal, dir, signature string, ignore []string) (*sign.Manifest, string, error) {
	if signature == "" {
		signature = filepath.Join(dir, signatureName)
	}
	if within, err := filepath.Rel(dir, signature); err == nil && filepath.IsLocal(within) {
		ignore = append(ignore, within)
	}
	report := progress(term, "reading")
	m, err := sign.Folder(ctx, dir, sign.Options{Ignore: ignore, Progress: report})
	term.endStage()
	return m, signature, err
}

// signatureFlags are how `xiaoyu verify` is asked for a signature and not for an export.
type signatureFlags struct {
	signature   string
	keys, roots []string
}

func (f *signatureFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.signature, "signature", "", "check this signature of a folder; "+signatureName+" in it if --key or --roots are given alone")
	cmd.Flags().StringSliceVar(&f.keys, "key", nil, "public keys that the signature may be by: PEM files")
	cmd.Flags().StringSliceVar(&f.roots, "roots", nil, "certificates of authorities that the signer's has to lead to: PEM files")
}

func (f *signatureFlags) asked() bool {
	return f.signature != "" || len(f.keys) > 0 || len(f.roots) > 0
}

// trust reads what the signature is to be checked by.
func (f *signatureFlags) trust() (t sign.Trust, err error) {
	if len(f.keys) == 0 && len(f.roots) == 0 {
		return t, usageError{hint.Errorf("pass --key FILE or --roots FILE of whom you trust", "a signature proves something only beside a key that is known from elsewhere")}
	}
	if t.Keys, err = f.readKeys(); err != nil {
		return t, err
	}
	if len(f.roots) == 0 {
		return t, nil
	}
	roots, err := readAll(f.roots)
	if err != nil {
		return t, err
	}
	var pool *x509.CertPool
	pool, err = sign.TrustRoots(roots...)
	t.Roots = pool
	return t, err
}

func (f *signatureFlags) readKeys() (keys []sign.PublicKey, err error) {
	texts, err := readAll(f.keys)
	if err != nil {
		return nil, err
	}
	for i, text := range texts {
		k, err := sign.ReadPublicKey(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.keys[i], err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// verify checks the signature of a folder.
func (f *signatureFlags) verify(ctx context.Context, term *terminal, dir string, asJSON bool) error {
	trust, err := f.trust()
	if err != nil {
		return err
	}
	signature := f.signature
	if signature == "" {
		signature = filepath.Join(dir, signatureName)
	}
	text, err := os.ReadFile(signature)
	if err != nil {
		return hint.Wrap(err, "name it with --signature; `xiaoyu sign` makes one", "reading the signature")
	}
	bundle, err := sign.Parse(text)
	if err != nil {
		return fmt.Errorf("%s: %w", signature, err)
	}
	said, who, err := bundle.Verify(trust)
	if err != nil {
		return fmt.Errorf("verifying %s: %w", dir, err)
	}
	is, _, err := signedFolder(ctx, term, dir, f.signature, said.Ignored)
	if err != nil {
		return err
	}
	if err := said.Compare(is); err != nil {
		return fmt.Errorf("verifying %s: %w", dir, err)
	}
	if asJSON {
		return term.printJSON(map[string]any{"verified": true, "files": len(said.Files), "sha256": said.Root().String(), "key": who.Key.Fingerprint(), "subject": who.Subject})
	}
	by := "the key " + who.Key.Fingerprint()[:16] + "…"
	if who.Subject != "" {
		by = who.Subject
	}
	fmt.Fprintf(term.out, "verified: %s is as it was signed, %d files, by %s\n", strings.TrimSuffix(dir, "/"), len(said.Files), by)
	return nil
}
