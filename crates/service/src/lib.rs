//! What every installed process shares: configuration, stores, health, metrics, signals.
