//! One measured number.

/// One number of one subject in one round.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// The experiment with its parameters, such as `p2p, QoS 1, 32 in flight`.
    pub(crate) case: String,
    /// What was measured, with its unit.
    pub(crate) quantity: &'static str,
    /// Whose.
    pub(crate) subject: &'static str,
    /// How much of it.
    pub(crate) value: f64,
}

/// The middle of `values`: of an even number, the mean of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(*values.get(middle.checked_sub(1)?)?, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
