//! `OpenAPI` version 2 as protobuf, which is the only form clients before 1.27 read.
//!
//! Field numbers are those of gnostic's `openapiv2/OpenAPIv2.proto`.

use super::super::discovery::VERSION;
use super::super::kinds::Kind;
use super::super::protobuf::{nested, text};
use super::super::schema::{self, Field, Type};
use super::{PARAMETERS, TYPE_META, extensions, full_name, kind_of, object_path, reached, scalar, sentence, stored};

/// The whole document.
pub(super) fn document() -> Vec<u8> {
    let info = [text(1, "Kubernetes"), text(2, VERSION)].concat();
    let paths: Vec<u8> = stored().flat_map(|kind| nested(2, &path(kind))).collect();
    let kinds: Vec<&'static Kind> = stored().collect();
    let definition = |name| nested(1, &[text(1, &full_name(name)), nested(2, &object(name, &kinds))].concat());
    let definitions: Vec<u8> = reached(&kinds).into_iter().flat_map(definition).collect();
    [text(1, "2.0"), nested(2, &info), nested(8, &paths), nested(9, &definitions)].concat()
}

fn path(kind: &Kind) -> Vec<u8> {
    let parameters = PARAMETERS.iter().flat_map(|name| {
        let query = [text(2, "query"), text(4, name), text(6, "string")].concat();
        // Parameter.non_body_parameter.query_parameter_sub_schema, inside ParametersItem.parameter.
        nested(8, &nested(1, &nested(2, &nested(3, &query))))
    });
    let identity = format!("group: \"{}\"\nkind: {}\nversion: {}\n", kind.group, kind.kind, kind.version);
    let operation: Vec<u8> = parameters.chain(extension(13, "x-kubernetes-group-version-kind", &identity)).collect();
    [text(1, &object_path(kind)), nested(2, &nested(8, &operation))].concat()
}

/// A `NamedAny` whose value is YAML.
fn extension(field: u32, name: &str, yaml: &str) -> Vec<u8> {
    nested(field, &[text(1, name), nested(2, &text(2, yaml))].concat())
}

fn object(name: &str, kinds: &[&Kind]) -> Vec<u8> {
    let Some(message) = schema::message(name) else { return typed("object") };
    let property = |name: &str, schema: &[u8]| nested(1, &[text(1, name), nested(2, schema)].concat());
    let mut properties: Vec<u8> = message.all().flat_map(|field| property(field.name, &field_schema(field))).collect();
    let mut identity = Vec::new();
    if let Some(kind) = kind_of(name, kinds) {
        for (field, about) in TYPE_META {
            properties.extend(property(field, &[text(4, about), typed("string")].concat()));
        }
        let yaml = format!("- group: \"{}\"\n  kind: {}\n  version: {}\n", kind.group, kind.kind, kind.version);
        identity = extension(31, "x-kubernetes-group-version-kind", &yaml);
    }
    let required: Vec<u8> =
        message.all().filter(|field| field.required).flat_map(|field| text(19, field.name)).collect();
    [text(4, &sentence(message.about)), required, typed("object"), nested(25, &properties), identity].concat()
}

fn field_schema(field: &Field) -> Vec<u8> {
    let merging = extensions(field).into_iter().flat_map(|(name, value)| extension(31, name, &format!("{value}\n")));
    [text(4, &sentence(field.about)), of(&field.holds), merging.collect()].concat()
}

fn of(holds: &Type) -> Vec<u8> {
    match holds {
        Type::Message(name) => text(1, &format!("#/definitions/{}", full_name(name))),
        Type::List(each) | Type::NamedList(each) => [typed("array"), nested(23, &nested(1, &of(each)))].concat(),
        Type::Map(each) => [nested(21, &nested(1, &of(each))), typed("object")].concat(),
        Type::Raw => typed("object"),
        other => {
            let (kind, format) = scalar(other);
            [format.map_or_else(Vec::new, |format| text(2, format)), typed(kind)].concat()
        }
    }
}

/// `Schema.type`, a list of one.
fn typed(kind: &str) -> Vec<u8> {
    nested(22, &text(1, kind))
}
