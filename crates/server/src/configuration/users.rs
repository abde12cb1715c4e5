//! The values of options about users that are known elsewhere.

use super::value::{Value, WrongValue};
use crate::access::sources::{HttpFormat, WithoutAnswer};

impl Value for HttpFormat {
    fn read(&mut self, text: &str) -> Result<(), WrongValue> {
        *self = if text == "form" { Self::Form } else { Self::Json };
        Ok(())
    }

    fn written(&self) -> Vec<String> {
        vec![match self {
            Self::Json => "json".to_owned(),
            Self::Form => "form".to_owned(),
        }]
    }
}

impl Value for WithoutAnswer {
    fn read(&mut self, text: &str) -> Result<(), WrongValue> {
        *self = if text == "next" { Self::Next } else { Self::Deny };
        Ok(())
    }

    fn written(&self) -> Vec<String> {
        vec![match self {
            Self::Deny => "deny".to_owned(),
            Self::Next => "next".to_owned(),
        }]
    }
}
