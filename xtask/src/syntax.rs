//! The proportions of files and functions, read with a parser.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::Breach;
use crate::source::File;

/// Production lines of a file at the most.
pub const FILE_LINES: usize = 600;
/// Lines of a function at the most.
pub const FUNCTION_LINES: usize = 70;
/// Levels of control flow inside each other at the most.
pub const NESTING: usize = 4;
/// Arguments at the most, beside `self`.
pub const ARGUMENTS: usize = 7;

/// Files whose length is that of a table, each with its reason. Logic is never exempt.
pub const TABLES: &[(&str, &str)] = &[];

/// Traits that may be public: the seams where the outside world, or a fake of it, plugs in.
pub const SEAMS: &[&str] = &[
    "Check",
    "Clock",
    "Counters",
    "Dialer",
    "Entropy",
    "Errand",
    "Resolver",
    "RootKey",
    "Scheme",
    "SecretBackend",
    "Signals",
    "Witness",
];

/// What a file's shape breaks.
pub fn breaches(file: &File) -> Vec<Breach> {
    let parsed = match syn::parse_file(&file.text) {
        Ok(parsed) => parsed,
        Err(error) => return vec![Breach::of(&file.path, format!("does not parse: {error}"))],
    };
    let mut found = Vec::new();
    let lines = file.text.lines().count();
    if lines > FILE_LINES && !file.is_test() && !TABLES.iter().any(|(path, _)| *path == file.path) {
        found.push(Breach::of(&file.path, format!("{lines} lines; {FILE_LINES} at the most")));
    }
    let mut reader = Reader { path: &file.path, in_test: file.is_test(), depth: 0, found: &mut found };
    reader.visit_file(&parsed);
    found
}

struct Reader<'a> {
    path: &'a str,
    in_test: bool,
    depth: usize,
    found: &'a mut Vec<Breach>,
}

impl Reader<'_> {
    fn function(&mut self, signature: &syn::Signature, whole: proc_macro2::Span) {
        if self.in_test {
            return;
        }
        let (from, to) = (whole.start().line, whole.end().line);
        let lines = to - from + 1;
        let name = &signature.ident;
        if lines > FUNCTION_LINES {
            self.found.push(Breach::at(
                self.path,
                from,
                format!("fn {name} has {lines} lines; {FUNCTION_LINES} at the most"),
            ));
        }
        let arguments = signature.inputs.iter().filter(|input| matches!(input, syn::FnArg::Typed(_))).count();
        if arguments > ARGUMENTS {
            self.found.push(Breach::at(
                self.path,
                from,
                format!("fn {name} takes {arguments} arguments; {ARGUMENTS} at the most"),
            ));
        }
        if name.to_string().starts_with("get_") {
            self.found.push(Breach::at(self.path, from, format!("fn {name}: no `get_`; name what it returns")));
        }
    }

    fn deeper(&mut self, line: usize, inner: impl FnOnce(&mut Self)) {
        self.depth += 1;
        if self.depth == NESTING + 1 && !self.in_test {
            self.found.push(Breach::at(self.path, line, format!("control flow nests deeper than {NESTING}")));
        }
        inner(self);
        self.depth -= 1;
    }

    fn fresh(&mut self, inner: impl FnOnce(&mut Self)) {
        let depth = std::mem::take(&mut self.depth);
        inner(self);
        self.depth = depth;
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string().contains("test"),
        syn::Meta::Path(path) => path.segments.last().is_some_and(|segment| segment.ident == "test"),
        syn::Meta::NameValue(_) => false,
    })
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_test(&item.attrs) {
            self.function(&item.sig, item.sig.span().join(item.block.span()).unwrap_or(item.block.span()));
            self.fresh(|reader| visit::visit_item_fn(reader, item));
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            self.function(&item.sig, item.sig.span().join(item.block.span()).unwrap_or(item.block.span()));
            self.fresh(|reader| visit::visit_impl_item_fn(reader, item));
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if is_test(&item.attrs) {
            return;
        }
        if ["utils", "util", "common", "helpers", "misc", "types"].contains(&item.ident.to_string().as_str()) {
            let line = item.ident.span().start().line;
            self.found.push(Breach::at(self.path, line, format!("module {}: name what lives in it", item.ident)));
        }
        visit::visit_item_mod(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        let public = matches!(item.vis, syn::Visibility::Public(_));
        if public && !self.in_test && !SEAMS.contains(&item.ident.to_string().as_str()) {
            let line = item.ident.span().start().line;
            self.found.push(Breach::at(self.path, line, format!("trait {} is not on the list of seams", item.ident)));
        }
        visit::visit_item_trait(self, item);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if attribute.path().is_ident("allow") {
            let line = attribute.span().start().line;
            self.found.push(Breach::at(self.path, line, "#[allow]: write #[expect(lint, reason = \"…\")]"));
        }
    }

    fn visit_expr_if(&mut self, item: &'ast syn::ExprIf) {
        let line = item.if_token.span.start().line;
        self.visit_expr(&item.cond);
        self.deeper(line, |reader| reader.visit_block(&item.then_branch));
        // `else if` continues the chain on the same level.
        match item.else_branch.as_ref().map(|(_, branch)| &**branch) {
            Some(syn::Expr::If(chained)) => self.visit_expr_if(chained),
            Some(other) => self.deeper(line, |reader| reader.visit_expr(other)),
            None => {}
        }
    }

    fn visit_expr_match(&mut self, item: &'ast syn::ExprMatch) {
        self.deeper(item.match_token.span.start().line, |reader| visit::visit_expr_match(reader, item));
    }

    fn visit_expr_for_loop(&mut self, item: &'ast syn::ExprForLoop) {
        self.deeper(item.for_token.span.start().line, |reader| visit::visit_expr_for_loop(reader, item));
    }

    fn visit_expr_while(&mut self, item: &'ast syn::ExprWhile) {
        self.deeper(item.while_token.span.start().line, |reader| visit::visit_expr_while(reader, item));
    }

    fn visit_expr_loop(&mut self, item: &'ast syn::ExprLoop) {
        self.deeper(item.loop_token.span.start().line, |reader| visit::visit_expr_loop(reader, item));
    }
}
