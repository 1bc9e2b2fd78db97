import sys
from pathlib import Path

from setuptools import find_packages, setup

if not (3, 10) <= sys.version_info[:2] < (3, 13):
    sys.exit(f'hybridkp needs Python 3.10, 3.11 or 3.12; this is Python {sys.version.split()[0]}.')


def requirements(name: str) -> list[str]:
    return (Path(__file__).parent / 'requirements' / f'{name}.txt').read_text().split()


setup(
    name='hybridkp',
    version='0.1.0',
    description='Keypoints with covariances: a plugin for MMPose.',
    license='Apache-2.0',
    packages=find_packages(include=['hybridkp', 'hybridkp.*']),
    package_data={'hybridkp.inference': ['templates/*']},
    python_requires='>=3.10,<3.13',
    install_requires=requirements('runtime'),
    extras_require={name: requirements(name) for name in ('tests', 'optional', 'deploy')},
)
