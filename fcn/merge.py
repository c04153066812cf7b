"""`python -m fcn.merge`: one event of those that several monitors say."""

from omegaconf import DictConfig

from fcn import config as configuration


@configuration.entry_point("merge")
def main(cfg: DictConfig) -> None:
    """Entry point."""
    configuration.check_choices()
    config = configuration.plain(cfg)
    from fcn.run_merge import merge

    merge(config, configuration.run_dir())


if __name__ == "__main__":
    main()
