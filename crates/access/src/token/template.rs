//! A text with places for claims.

use serde_json::{Map, Value};

use super::error::TokenError;

/// A text in which `%{claim}` stands for a claim of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Claim(Box<str>),
}

/// A text that is no template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a claim is written %{{name}}: there is a %{{ without name or without its }}")]
pub struct TemplateError;

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// A place for a claim has no end or no name.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, from)) = rest.split_once("%{") {
            let (name, after) = from.split_once('}').ok_or(TemplateError)?;
            if name.is_empty() {
                return Err(TemplateError);
            }
            if !before.is_empty() {
                parts.push(Part::Text(Box::from(before)));
            }
            parts.push(Part::Claim(Box::from(name)));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(Box::from(rest)));
        }
        Ok(Self { parts })
    }

    /// One claim and nothing else.
    pub(super) fn claim(name: &str) -> Self {
        Self { parts: vec![Part::Claim(Box::from(name))] }
    }

    /// The text with the claims in it. Numbers may stand for texts.
    pub(super) fn fill(&self, claims: &Map<String, Value>) -> Result<String, TokenError> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Claim(name) => match claims.get(&**name) {
                    Some(Value::String(claim)) => text.push_str(claim),
                    Some(Value::Number(claim)) => text.push_str(&claim.to_string()),
                    Some(_) => return Err(TokenError::Claim(name.clone())),
                    None => return Err(TokenError::Without(name.clone())),
                },
            }
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_take_their_places() {
        let claims = serde_json::json!({ "sub": "ann", "n": 7, "flag": true });
        let claims = claims.as_object().unwrap();
        let rows = [
            ("%{sub}", Ok("ann".to_owned())),
            ("a-%{n}-%{sub}!", Ok("a-7-ann!".to_owned())),
            ("100 %", Ok("100 %".to_owned())),
            ("%{gone}", Err(TokenError::Without("gone".into()))),
            ("%{flag}", Err(TokenError::Claim("flag".into()))),
        ];
        for (text, expected) in rows {
            assert_eq!(Template::parse(text).unwrap().fill(claims), expected, "{text}");
        }
        for text in ["%{", "%{}", "a%{b"] {
            assert_eq!(Template::parse(text), Err(TemplateError), "{text}");
        }
    }
}
