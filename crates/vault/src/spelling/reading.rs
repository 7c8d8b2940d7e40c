//! A text, read as it is written and with its escapes undone.

use super::escape::{BEGINS, Layer, Unit};
use super::forms::MOST_LAYERS;

/// Zeros in a row that a wide encoding has between two characters.
const ZEROS: u8 = 3;

/// How a text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// As it is written.
    Written,
    /// With every escape undone.
    Undone,
}

/// Reads one text, piece by piece.
pub(crate) struct Reader {
    layers: [Layer; MOST_LAYERS],
    /// How many of the layers are used.
    used: usize,
    zeros: u8,
}

impl Reader {
    pub(crate) fn new(layers: usize) -> Self {
        Self { layers: Default::default(), used: layers, zeros: 0 }
    }

    /// Whether it keeps nothing of what it has read.
    pub(crate) fn is_idle(&self) -> bool {
        self.used().iter().all(Layer::is_idle)
    }

    /// Where what it keeps begins.
    pub(crate) fn keeps_from(&self) -> Option<usize> {
        self.used().iter().filter_map(Layer::keeps_from).min()
    }

    /// Reads the next byte.
    pub(crate) fn read(&mut self, unit: Unit, out: &mut dyn FnMut(Stream, Unit)) {
        // The zeros of a wide encoding stand inside of escapes as well, so they go before those are read.
        self.zeros = if unit.byte == 0 { self.zeros.saturating_add(1) } else { 0 };
        if (1..=ZEROS).contains(&self.zeros) {
            return;
        }
        out(Stream::Written, unit);
        if self.is_idle() && !BEGINS.contains(&unit.byte) {
            return out(Stream::Undone, unit);
        }
        let used = self.layers.get_mut(..self.used).unwrap_or_default();
        pass(used, unit, &mut |unit| out(Stream::Undone, unit));
    }

    /// Gives out what is left with its escapes undone: the text is over.
    pub(crate) fn end(&mut self, out: &mut dyn FnMut(Unit)) {
        let mut left = self.layers.get_mut(..self.used).unwrap_or_default();
        while let Some((layer, behind)) = left.split_first_mut() {
            layer.end(&mut |unit| pass(behind, unit, out));
            left = behind;
        }
        self.zeros = 0;
    }

    fn used(&self) -> &[Layer] {
        self.layers.get(..self.used).unwrap_or_default()
    }
}

/// Takes a unit through the layers.
fn pass(layers: &mut [Layer], unit: Unit, out: &mut dyn FnMut(Unit)) {
    match layers.split_first_mut() {
        None => out(unit),
        Some((layer, behind)) => layer.take(unit, &mut |unit| pass(behind, unit, out)),
    }
}
